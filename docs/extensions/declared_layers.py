"""A directive for all layers that a module declares, so that a new one is in the reference by that."""

from importlib import import_module

from sphinx.util.docutils import SphinxDirective


class DeclaredLayers(SphinxDirective):
    """`.. declared-layers:: smooth` stands for an `autoclass` of each layer of `fastjac.layers.smooth`, in its order."""

    required_arguments = 1

    def run(self):
        names = import_module(f"fastjac.layers.{self.arguments[0]}").__all__
        return self.parse_text_to_nodes(
            "\n".join([".. currentmodule:: fastjac", "", *(f".. autoclass:: {name}" for name in names)])
        )


def setup(app):
    app.add_directive("declared-layers", DeclaredLayers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
