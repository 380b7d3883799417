"""The page about compatibility keeps what was not asked again."""

from __future__ import annotations

from release.compatibility import scenarios, updated_page

FORMER = """# Old head

## The published messaging SDK

`@nymproject/sdk` 0.9. Asked on 2026-01-01.

| scenario | outcome |
|---|---|
| It writes | works |

## Not known

- Much.
"""


def verdict(file: str, scenario: str, outcome: str) -> dict[str, str]:
    return {"file": f"tests/interop/{file}", "scenario": scenario, "outcome": outcome, "date": "2026-02-02"}


def test_sections_of_judges_that_were_asked_are_new_and_others_stay():
    page = updated_page(
        FORMER,
        [
            verdict("test_native_crates.py", "UDP | 1 byte", "passed"),
            verdict("test_native_crates.py", "TCP", "failed"),
            verdict("test_messaging_sdk.py", "It writes", "skipped"),
        ],
    )
    assert "Old head" not in page
    sdk, native, unknown = page.split("\n## ")[1:]
    assert sdk == FORMER.split("\n## ")[1]
    assert native.splitlines() == [
        "The published crates for native programs",
        "",
        "`nym-sdk` 1.21.6, `nym-smolmix` 1.21.6. Asked on 2026-02-02.",
        "",
        "| scenario | outcome |",
        "|---|---|",
        "| UDP / 1 byte | works |",
        "| TCP | **fails** |",
    ]
    assert unknown == "Not known\n\n- Much.\n"


def test_a_page_that_was_written_is_written_again_alike():
    verdicts = [verdict("test_messaging_sdk.py", "It writes", "passed")]
    once = updated_page(FORMER, verdicts)
    assert updated_page(once, verdicts) == once


def test_a_scenario_of_several_tests_is_as_good_as_its_worst():
    """Whichever ran last."""
    outcomes = ["passed", "failed", "passed", "skipped"]
    run = {"date": "2026-02-02", "verdicts": [verdict("test_noise_crate.py", "Noise", one) for one in outcomes]}
    assert [row["outcome"] for row in scenarios(run).values()] == ["failed"]
