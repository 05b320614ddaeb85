"""Record and replay in a real kernel: the front end must see the same twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Kernel

CASES = {
    "stdout": "print('a')\nprint('b')",
    "interleaved": """
import sys
print("one"); display("two"); print("three", file=sys.stderr); display("four"); print("five")
print("six", file=sys.stderr)
""",
    "html": """
from IPython.display import HTML
display(HTML("<b>ü</b>"), metadata={"text/html": {"isolated": True}})
""",
    "several formats": """
class Both:
    def _repr_html_(self): return "<i>x</i>", {"width": 3}
    def __repr__(self): return "x"
display(Both())
Both()
""",
    "png": """
from IPython.display import Image
import base64
display(Image(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")))
""",
    "display id": "from IPython.display import display\ndisplay('first', display_id='same')",
    "update": """
h = display("first", display_id="theirs"); print("between"); h.update("second")
""",
    "json": "display({'application/json': {'a': [1, 2, None]}, 'text/plain': 'j'}, raw=True)",
    "carriage return": """
import sys, time
for i in range(5): sys.stderr.write(f"\\r{i}/5"); sys.stderr.flush()
""",
    "tqdm": """
from tqdm import tqdm
for i in tqdm(range(3), mininterval=0, ncols=60, bar_format="{l_bar}{bar}"): pass
""",
    "subprocess": """
import subprocess, sys
print("before", flush=True)
subprocess.run([sys.executable, "-c", "print('from the child')"], check=True)
""",
    "descriptor": "import os\nn = os.write(1, b'raw bytes\\n')",
    "long text through a descriptor": "import os\nn = os.write(1, b'0123456789\\n' * 5000)",
    "shell command": "!echo from the command",
    "thread": """
import threading
def work():
    print("in a thread"); display("shown by a thread")
t = threading.Thread(target=work); t.start(); t.join()
""",
    "warning": "import warnings\nwarnings.warn('careful')",
    "result": "[1, 2]",
    "result with print in repr": """
class Loud:
    def __repr__(self): print("repr runs"); return "loud"
Loud()
""",
    "frame": "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    "no result with a semicolon": "3;",
    "awaited": "import asyncio\nprint(1)\nawait asyncio.sleep(0)\nprint(2)\n'result'",
    "figure": """
%matplotlib inline
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.title("t"); print("drawn")
plt.gca().get_title()
""",
    "nothing": "x = 1",
    "capture_output inside": """
from IPython.utils.capture import capture_output
with capture_output() as c: print("hidden"); display("hidden, too")
print("seen")
c.show()
""",
    "unicode": "print('日本語 \\U0001f600')",
}


@pytest.mark.parametrize("code", CASES.values(), ids=CASES.keys())
def test_replay_shows_what_the_run_showed(kernel: Kernel, code: str) -> None:
    seen = kernel.record(code)
    assert kernel.replayed() == seen
    assert kernel.reply["status"] == "ok"


@pytest.mark.parametrize("name", ["interleaved", "several formats", "descriptor", "thread", "figure"])
def test_the_case_shows_something(kernel: Kernel, name: str) -> None:
    assert kernel.record(CASES[name])


def test_cleared_output_ends_the_same(kernel: Kernel) -> None:
    kernel.record("""
from IPython.display import clear_output
print("old")
for i in range(3):
    clear_output(wait=True); display(i)
""")
    assert [item["output_type"] for item in kernel.replayed()] == ["clear_output", "display_data"]
    kernel.record("print('old'); clear_output(); print('new')")
    assert [item.get("text") for item in kernel.replayed()] == [None, "new\n"]


def test_only_the_last_update_of_a_display_is_kept(kernel: Kernel) -> None:
    kernel.record("h = display('0', display_id='p')\nfor i in range(9): h.update(str(i))")
    shown = kernel.replayed()
    assert [item["output_type"] for item in shown] == ["display_data", "update_display_data"]
    assert shown[-1]["data"]["text/plain"] == "'8'"
    assert shown[-1]["transient"] == {"display_id": "p"}


def test_update_of_a_display_in_another_cell_is_replayed(kernel: Kernel) -> None:
    kernel.run("h = display('first', display_id='elsewhere')")
    kernel.record("h.update('second')")
    (shown,) = kernel.replayed()
    assert (shown["output_type"], shown["transient"]) == (
        "update_display_data",
        {"display_id": "elsewhere"},
    )


def test_result_goes_to_out_with_the_present_count(kernel: Kernel) -> None:
    kernel.record("{'k': 1}")
    (shown,) = kernel.replayed()
    count = kernel.reply["execution_count"]
    assert shown["output_type"] == "execute_result"
    assert kernel.counts == [count]
    assert kernel.value(f"(Out[{count}], _, _{count}, _stored['results'][0] is _)") == (
        {"k": 1},
        {"k": 1},
        {"k": 1},
        True,
    )


def test_result_is_not_formatted_again(kernel: Kernel) -> None:
    kernel.record("class C:\n    n = 0\n    def __repr__(self): C.n += 1; return str(C.n)\nC()")
    (shown,) = kernel.replayed()
    assert shown["data"]["text/plain"] == "1"
    assert kernel.value("C.n") == 1


def test_underscores_shift_as_in_plain_jupyter(kernel: Kernel) -> None:
    kernel.run("'older'")
    kernel.record("'newer'")
    kernel.run("'between'")
    kernel.replayed()
    assert kernel.value("(_, __, ___)") == ("newer", "between", "newer")


def test_every_result_of_all_interactivity(kernel: Kernel) -> None:
    kernel.run("_shell.ast_node_interactivity = 'all'")
    try:
        seen = kernel.record("1\n2\n3")
        assert kernel.replayed() == [*seen]
        assert kernel.value("(_, __, ___)") == (3, 2, 1)
    finally:
        kernel.run("_shell.ast_node_interactivity = 'last_expr'")


def test_value_without_a_format_still_goes_to_out(kernel: Kernel) -> None:
    kernel.record("class Own:\n    def _ipython_display_(self): print('own')\nOwn()")
    shown = kernel.replayed()
    assert shown == [{"output_type": "stream", "name": "stdout", "text": "own\n"}]
    assert kernel.value(f"type(Out[{kernel.reply['execution_count']}]).__name__") == "Own"


def test_logging_made_in_an_earlier_cell_is_recorded(kernel: Kernel) -> None:
    kernel.run("import logging, sys\nlog = logging.getLogger('t')\nlog.propagate = False")
    kernel.run("log.addHandler(logging.StreamHandler(sys.stdout))")
    seen = kernel.record("log.warning('logged')")
    assert seen == [{"output_type": "stream", "name": "stdout", "text": "logged\n"}]
    assert kernel.replayed() == seen


def test_text_written_before_the_start_does_not_count(kernel: Kernel) -> None:
    kernel.run("import sys\ndef _noise(info): sys.stdout.write('earlier ')")
    kernel.run("_shell.events.unregister('pre_run_cell', _before)")
    kernel.run("_shell.events.register('pre_run_cell', _noise)")
    kernel.run("_shell.events.register('pre_run_cell', _before)")
    kernel.record("print('own')")
    kernel.run("_shell.events.unregister('pre_run_cell', _noise)")
    assert kernel.value("_stored['outputs'][0]['text']") == "own\n"


def test_an_error_stops_the_recorder_cleanly(kernel: Kernel) -> None:
    kernel.record("print('so far')\n1/0")
    assert kernel.value("(_recorder.recording, _recorder.error)") == (False, True)
    assert kernel.value("[o.get('text') for o in _stored['outputs']]") == ["so far\n"]
    kernel.record("print('fine')")
    assert kernel.value("_recorder.error") is False


def test_an_error_while_formatting_is_known(kernel: Kernel) -> None:
    kernel.record("class Bad:\n    def __repr__(self): 1/0\nBad()")
    assert kernel.value("_recorder.error") is True


def test_widgets_are_known(kernel: Kernel) -> None:
    kernel.record("import comm\nc = comm.create_comm(target_name='t')")
    assert kernel.value("_recorder.widgets") is True
    kernel.record("display({'application/vnd.jupyter.widget-view+json': {}}, raw=True)")
    assert kernel.value("_recorder.widgets") is True
    kernel.record("print(1)")
    assert kernel.value("_recorder.widgets") is False


def test_pager_is_a_gap(kernel: Kernel) -> None:
    kernel.record("print?")
    assert kernel.value("_recorder.gaps") == ("page is sent with the reply",)


def test_asking_for_input_is_known(kernel: Kernel) -> None:
    client = kernel.client
    client.execute_interactive(
        "# record\nanswer = input('?')",
        allow_stdin=True,
        stdin_hook=lambda _: client.input("yes"),
        output_hook=lambda _: None,
        timeout=30,
    )
    assert kernel.value("(answer, _recorder.asked)") == ("yes", True)
    kernel.record("1")
    assert kernel.value("_recorder.asked") is False


def test_nothing_is_left_behind(kernel: Kernel) -> None:
    kernel.run("import sys\nbefore = (sys.stdout, set(vars(_shell.kernel.session)))")
    kernel.record("print(1)")
    assert kernel.value("before == (sys.stdout, set(vars(_shell.kernel.session)))") is True


def test_forked_children_are_recorded(kernel: Kernel) -> None:
    seen = kernel.record("""
import os, sys
pid = os.fork()
if pid == 0:
    print("from the fork", flush=True)
    os._exit(0)
done = os.waitpid(pid, 0)
""")
    told = [output for output in seen if output["name"] == "stdout"]  # newer Pythons warn of forks
    assert told == [{"output_type": "stream", "name": "stdout", "text": "from the fork\n"}]
    assert kernel.replayed() == seen
