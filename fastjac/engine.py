"""The engine's account: what each module is for, and the way of x through them.

The way of a call, which is also the way imports point:

    network.py      the face: holds what a user wrote, saves, copies, prints (drawing.py); derivatives.py, its base, computes, and
                    linearization.py keeps a primal sweep for later products (as SciPy's operators: jacobian_operator.py):
                    arguments.py checks what comes in, ends.py makes one vector of several inputs, or blocks of one matrix
    blockwise.py    many samples, part by part: samples.py reads them, targets.py writes Jacobians to files, progress.py shows how
                    many are done
    sequence.py     what a user writes as a graph: layers in a row, blocks (blocks.py), nodes (nodes.py; selection.py takes some
                    of a node's units); known.py lists the layers that there are
    runners.py      the programs of a network, lowered at their first use
    gradients/      the derivatives of losses of y and J, and by the parameters: operations.py, lowering.py, runner.py
    quantities/     what is read off J: measurable.py, a base of Network too; jacobians.py, in pieces.py and by waist.py
    batch.py        samples to calls and chunks (sharing.py) that threads take (crew.py), scratch memory; state.py holds what a
                    primal sweep leaves, where that is kept
    program.py      chain and plan lowered to tables, in three parts:
                      values:  values.py says where each value lies, moves.py writes the steps that make them
                      J:       accumulation.py writes the steps of a plan, spans.py says where links are applied, passage.py takes
                               rows through a block by what traversal.py finds there; emitter.py, under both, writes records
                      lanes:   lanes.py writes the steps of narrow networks
                    matrix.py says where an operand lies
    product.py      what is wanted of a chain, as a product of matrices: J, some of its rows and columns, or J times a seed
    plan.py         the order of contractions: forward, reverse, mixed (steps.py shows it); bracketing.py and pure_order.py
                    find the cheapest, contractions.py says what each step does, and cost.py predicts its time
    cuts.py         a graph as a chain: simplify.py rewrites the graph, and each vector through which everything passes is a cut
                    between layers and blocks (block.py)
    graph.py        vectors, and the operations that make them
    chain.py        layers and blocks as factors with links between (operators.py); folding.py makes one affine layer of two
    memory.py       packs all numbers that a program holds or works on; caches.py states the sizes that work is cut to
    layers/         what a layer is, and a join
    formula/        reads an activation that is written as a formula, derives it, and writes its functions
    kernels/        Numba: call.py and share.py start run.py in the one float mode (float_mode.py). run.py walks the tables, each
                    of whose steps names a kernel of sweep.py or accumulate.py by its address (jit.py). It takes narrow networks
                    by lanes.py, and copies J for samples of equal slopes, which twins.py finds. group.py says where a sample's
                    numbers lie, and state.py where its slopes; gradient.py goes back by its stages.py; contract.py and tile.py
                    multiply; formulas/ are the activations, from which activations.py makes kernels, and pairwise.py the joins
                    of two
    frozen.py       arrays that nothing can write to; dense.py reads what a caller hands in as an array; pickling.py refuses
                    to send what holds addresses
    errors.py       what can go wrong

The way of x to the tile, for J of one batch: `Network.jacobian` checks x and asks its Runners for a Runner, which the first call
makes: `cuts.chain_of_graph` gives a Chain, `product.product_of` the Product that is wanted of it, `plan.plan` the order, and
`program.lower` writes the tables. `Runner` hands the arrays to `kernels.run`, which takes block after block of samples: `sweep`
computes values and slopes, then for each group of samples `accumulate` takes every step of the plan, and each product goes by
`contract` to `tile`, which writes to J.

Above the network stand numba.py (the same from inside `@njit` code: compiled.py checks arrays and calls, tape.py keeps a primal
sweep), dask.py (lazily, for dask arrays; labels.py keeps xarray's labels, and fingerprint.py names a network by its content),
importers/ (trained weights from other libraries), torch/ (losses of the Jacobian in torch), scipy/ and casadi/ (their solvers),
for which flat.py makes one vector of several and remembered.py keeps the last point, check.py and differences.py, tabular/ (how
much outputs depend on columns of a table), plot/ (pictures) and cli/ (the command); saving.py writes fastjac's own files,
files.py and arrayfile.py any file without halves, table.py text in columns; optional.py imports what only some calls need, and
coldstart.py announces that kernels compile.
"""
