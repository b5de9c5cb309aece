"""The engine's account: the rooms of the package, what each module in them is for, and the way of x through them.

The rooms from the top down. Each imports only from those below it, as a test holds.

    numba.py        the same from inside `@njit` code
    dask/           lazily, for dask arrays; labels.py keeps xarray's labels
    casadi/         networks in CasADi's solvers
    scipy/          networks in SciPy's solvers
    remembered.py   the last point that a solver asked about, with its value and Jacobian
    flat.py         several inputs or outputs as one vector, for solvers that know one
    torch/          losses of the Jacobian in torch
    cli/            the command
    demo/           small networks with data, and the pictures that README draws with them
    plot/           pictures
    tabular/        how much outputs depend on columns of a table, which csvfile.py reads, or arrayfile.py as an array
    importers/      trained weights from other libraries
    check.py        the Jacobian against central differences
    differences.py  central differences of fourth order, with an estimate of their error

    network.py      the face: holds what a user wrote, saves, copies and prints it
    saving.py       fastjac's own files
    quantities/     what is read off J: measurable.py, a base of Network too; jacobians.py, in pieces.py and by waist.py
    gradients/      the derivatives of losses of y and J, and by the parameters: operations.py takes the edges of a block of all
                    layers, none folded; layout.py says where everything lies (places.py), and lowering.py writes the tables of
                    each kind of request, which runner.py makes. Their steps are those of lowering/ and a few more (emitter.py):
                    rows.py pushes and pulls rows from the seeds (seeds.py) and keeps them, way_back.py takes a loss's derivatives
                    along the same edges the other way (passages.py), by_parameters.py is for derivatives without a loss
    derivatives.py  the other base of Network, which computes
    linearization.py        keeps a primal sweep for later products
    jacobian_operator.py    J as one of SciPy's operators
    streaming/      many samples, part by part (blockwise.py): samples.py reads them, targets.py writes Jacobians to files,
                    progress.py shows how many are done

    running/        runners.py keeps the programs of a network, lowered at their first use. batch.py turns samples into calls and
                    chunks (sharing.py) that threads take (crew.py), with scratch memory; state.py holds what a primal sweep
                    leaves, where that is kept. For `@njit` code compiled.py checks arrays and calls, and tape.py keeps a sweep
    lowering/       program.py lowers a chain and a plan to tables, in three parts:
                      values:  values.py says where each value lies, moves.py writes the steps that make them
                      J:       accumulation.py writes the steps of a plan, spans.py says where links are applied, passage.py takes
                               rows through a block by what traversal.py finds there; emitter.py, under both, writes records
                      lanes:   lanes.py writes the steps of narrow networks
                    matrix.py says where an operand lies; memory.py packs all numbers that a program holds or works on; pieces.py
                    says how each step may be cut for several threads
    planning/       cuts.py makes a graph a chain: each vector through which everything passes is a cut between layers and blocks
                    (block.py). chain.py holds them as factors with links between (operators.py), folding.py makes one affine
                    layer of two. product.py says what is wanted of a chain, as a product of matrices: J, some of its rows and
                    columns, or J times a seed. plan.py chooses the order of contractions: forward, reverse, mixed (steps.py shows
                    it); bracketing.py and pure_order.py find the cheapest, contractions.py says what each step does, and cost.py
                    predicts its time
    graphs/         what a user writes as a network: sequence.py takes layers in a row, blocks (blocks.py) or nodes (nodes.py;
                    selection.py takes some of a node's units); known.py lists the layers that there are. conversion.py makes all
                    of them a graph.py: vectors, and operations that make them. simplify.py rewrites it, drawing.py prints it,
                    fingerprint.py names it by its content. ends.py makes one vector of several inputs, or blocks of one matrix
    layers/         what a layer is, and a join
    formula/        reads an activation that is written as a formula, derives it, and writes its functions
    arguments.py    what a caller hands in, checked
    kernels/        Numba: call.py and share.py start run.py in the one float mode (float_mode.py). run.py walks the tables, each
                    of whose steps names a kernel of sweep.py or accumulate.py by its address (jit.py). It takes narrow networks
                    by lanes.py, and copies J for samples of equal slopes, which twins.py finds. Threads that compute the same
                    samples meet behind each step (meeting.py). group.py says where a sample's numbers lie, and state.py where its
                    slopes; contract.py and tile.py multiply, low_rank.py normalizes and transpose.py turns matrices round.
                    Gradients are the same steps and those of adjoint.py, which gradient.py has walked block by block; dots.py
                    multiplies by the weights of live units. formulas/ are the activations, from which activations.py makes
                    kernels, and pairwise.py the joins of two

    caches.py       the machine's cache sizes, to which work is cut
    coldstart.py    announces that kernels compile
    pages.py        new arrays for large results, at the system's large pages
    frozen.py       arrays that nothing can write to
    dense.py        reads what a caller hands in as an array
    pickling.py     refuses to send what holds addresses
    files.py        writes a file whole or not at all
    table.py        text in columns
    optional.py     imports what only some calls need
    errors.py       what can go wrong

The way of x to the tile, for J of one batch: `Network.jacobian` checks x and asks its Runners for a Runner, which the first call
makes: `cuts.chain_of_graph` gives a Chain, `product.planned` the Product that is wanted of it and the plan for it, and
`program.lower` writes the tables. `Runner` hands the arrays to `kernels.run`, which takes block after block of samples: `sweep`
computes values and slopes, then for each group of samples `accumulate` takes every step of the plan, and each product goes by
`contract` to `tile`, which writes to J.
"""
