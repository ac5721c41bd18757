"""A compaction: what it gets of the API is a summary, and no answer of the conversation."""

from cc_guard.channels import facts

SUMMARY = {
    "type": "user",
    "isCompactSummary": True,
    "isVisibleInTranscriptOnly": True,
    "message": {"role": "user", "content": "This session is being continued from a previous conversation …"},
}


def test_the_summary_is_the_word_of_an_api_that_works() -> None:
    assert facts.is_progress(SUMMARY)


def test_it_is_no_prompt() -> None:
    assert not facts.is_prompt(SUMMARY)


def test_the_same_words_of_a_user_say_nothing_of_the_api() -> None:
    row = {"type": "user", "message": SUMMARY["message"]}
    assert not facts.is_progress(row)
