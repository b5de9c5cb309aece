"""The whole comparison in one run, as Markdown: `python -m asv_benches.report --help` lists the options.

Every network, batch and dtype; fastjac and each installed peer take turns in one process (see `asv_benches.timing`), so the
ratios hold even where the machine drifts. Every Jacobian is compared with a float64 reference before it is timed. Then graphs,
latency, start, scaling, memory and the planner's choices. `--random` draws networks, and `--isa avx2` holds every library to
narrower vectors than the machine has.

    comparison.py   a row: fastjac and its peers in one cell
    graph_rows.py   the same of graphs, and the time for some columns of J
    figures.py      what is not a ratio to a peer
    measuring.py    all of it, in order
    host.py         the machine and the versions of what is compared
    targets.py      what the project set itself to reach; `--targets` prints it
    verdicts.py     what the rows say together
    rendering.py    Markdown; tables.py has its pieces
    sections.py     a file of such reports
"""
