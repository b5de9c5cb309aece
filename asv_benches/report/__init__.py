"""The whole comparison in one run, as Markdown: `python -m asv_benches.report [--quick] [--output FILE]`.

Every network, batch and dtype; fastjac and each installed peer take turns in one process (see `asv_benches.timing`), so the
ratios hold even where the machine drifts. Every Jacobian is compared with a float64 reference before it is timed. Then
latency, start, scaling, memory and the planner's choices.

    comparison.py   a row: fastjac and its peers in one cell
    figures.py      what is not a ratio to a peer
    measuring.py    all of it, in order
    targets.py      what is to be reached
    verdicts.py     what the rows say together
    rendering.py    Markdown
"""
