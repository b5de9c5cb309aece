"""Programs in torch's files, read without torch: archives of TorchScript and of torch.export. No code in them is executed.

script.py       TorchScript archives: recognise, load
tokens.py, parser.py, trees.py   the text of a program in them, as trees
program.py      the files of a program; objects.py its modules and tensors
interpreter.py  follows the program, and calls the operators of aten/
widths.py       how many inputs a program has that does not state it; survey.py its operators that fastjac does not have
    export/         archives of torch.export: recognise, load
    aten/           torch's operators, for both kinds of programs
"""
