"""The JavaScript error classes are what Python's registry says."""

import subprocess
import sys
from pathlib import Path

JS = Path(__file__).parents[4] / "packages/mix_tunnel/js"


def test_generated_files_are_up_to_date():
    done = subprocess.run([sys.executable, JS / "generate_errors.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_class_revives_in_javascript():
    script = """
    import { ERROR_CLASSES, MixError, UsageError, reviveError } from "./errors.js";
    for (const [code, ErrorClass] of ERROR_CLASSES) {
      const error = reviveError({ code, message: "why", fields: { a: 1 }, retryable: true });
      const right = error instanceof ErrorClass && error instanceof MixError && error instanceof TypeError
        && error.code === code && error.name === ErrorClass.name && error.fields.a === 1 && error.retryable;
      if (!right) throw new Error(code);
    }
    const unknown = reviveError({ code: "new.code", message: "why" });
    if (!(unknown instanceof MixError) || unknown.code !== "new.code") throw new Error("unknown");
    if (!(reviveError({ code: "tunnel.already_initialised", message: "" }) instanceof UsageError)) throw new Error();
    console.log(ERROR_CLASSES.size);
    """
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=JS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
