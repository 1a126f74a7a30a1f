"""The cell magic ``%%tfx``, which runs a cell in the TFX environment."""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from helpers.tfx import exchange
from helpers.tfx.client import Output
from helpers.tfx.kernel_session import Session, session

_WIDGET = "application/vnd.jupyter.widget-view+json"


class UnknownName(NameError):  # noqa: N818
    """A variable that was to be pushed or pulled does not exist."""

    def _render_traceback_(self) -> list[str]:
        return [f"NameError: {self}"]


class Interrupted(KeyboardInterrupt):
    """The learner stopped the cell."""

    def _render_traceback_(self) -> list[str]:
        return ["KeyboardInterrupt: the cell was stopped; the TFX session keeps its variables."]


@magics_class
class TFXMagics(Magics):
    """The magics of ``%load_ext helpers.tfx``."""

    @no_var_expand
    @magic_arguments()
    @argument("--push", nargs="+", action="extend", default=[], help="variables to send in first")
    @argument("--pull", nargs="+", action="extend", default=[], help="variables to bring back")
    @line_cell_magic
    def tfx(self, line: str, cell: str | None = None) -> None:
        """Run a cell in the TFX environment.

        The cell runs in a Python of its own, with TFX in it. That Python stays alive for the whole
        notebook and keeps its variables, apart from the notebook's: `--push` and `--pull` copy
        variables over. What the cell shows and raises appears here.

            %%tfx --push loans --pull anomalies
            import tensorflow_data_validation as tfdv
            statistics = tfdv.generate_statistics_from_dataframe(loans)
            anomalies = tfdv.validate_statistics(statistics, schema)

        `%tfx` in front of a single line runs that line.
        """
        try:
            self._tfx(line, cell, session())
        except KeyboardInterrupt:
            raise Interrupted from None

    def _tfx(self, line: str, cell: str | None, shared: Session) -> None:
        if cell is None:
            shared.run(line, self._show)
            return
        arguments = parse_argstring(self.tfx, line)
        here = self.shell.user_ns
        self._push(shared, [name.strip(",") for name in arguments.push], here)
        shared.run(cell, self._show)
        for name in arguments.pull:
            name = name.strip(",")
            try:
                here[name] = shared.pull(name)
            except NameError as error:
                raise UnknownName(f"--pull {name}: {error}") from None

    def _push(self, shared: Session, names: list[str], here: dict[str, Any]) -> None:
        for name in names:
            if name not in here:
                hidden = set(getattr(self.shell, "user_ns_hidden", ()))
                visible = {k: v for k, v in here.items() if k not in hidden}
                raise UnknownName(
                    f"--push {name}: this notebook has no variable {name!r}. "
                    f"{exchange.whats_there(name, visible)}"
                )
        for name in names:
            shared.push(name, here[name])

    def _show(self, output: Output) -> None:
        kind = output["output_type"]
        if kind == "stream":
            stream = sys.stdout if output["name"] == "stdout" else sys.stderr
            stream.write(output["text"])
            stream.flush()
        elif kind == "clear_output":
            from IPython.display import clear_output

            clear_output(wait=output["wait"])
        else:
            data = output["data"]
            if len(data) > 1:  # a widget of the other kernel cannot be shown; its text can
                data = {mime: part for mime, part in data.items() if mime != _WIDGET}
            rest = {name: output.get(name) or {} for name in ("metadata", "transient")}
            update = kind == "update_display_data"
            self.shell.display_pub.publish(data=data, update=update, **rest)
