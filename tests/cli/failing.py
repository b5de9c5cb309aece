"""What a command says when it fails."""

from fastjac import cli


def fails(capsys, *argv):
    """The one line on stderr with which `argv` fails."""
    try:
        code = cli.main([str(word) for word in argv])
    except SystemExit as exit_:  # argparse's way out
        code = exit_.code
    captured = capsys.readouterr()
    assert code == 2
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("fastjac: error: ")
    return captured.err
