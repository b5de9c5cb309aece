"""The whole comparison in one run, as Markdown: `python -m asv_benches.report --help` lists the options.

First come rows for every network, batch and dtype. In each, fastjac and every installed peer take turns in one process (see
`asv_benches.timing`), so the ratios hold even where the machine drifts. Every Jacobian is compared with a float64 reference
before it is timed. Then come graphs, latency, start, scaling, memory and the planner's choices. `--random` draws networks, and
`--isa avx2` holds every library to narrower vectors than the machine has.

    comparison.py   a row: fastjac and its peers in one cell
    graph_rows.py   the rows of graphs, and the time for some columns of J
    figures.py      figures that are not a ratio to a peer
    measuring.py    all measurements, in order
    host.py         the machine and the versions of the libraries that are compared
    targets.py      the targets that the project set itself; `--targets` prints them
    verdicts.py     what the rows show together
    rendering.py    Markdown; tables.py has its pieces
    sections.py     a file of such reports
"""
