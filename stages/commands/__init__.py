"""Questions people ask after a run, and tools around one. A new command is one file here and one row in the table.

Each file has `add_arguments(parser)` and `run(args) -> int`, which gives the exit code.
"""

COMMANDS = {
    "trace": "tell one record's story through all stages",
    "show": "show a few records of a stage, and its counts",
    "review": "let people judge what was found: export a sample, import their decisions",
    "predict": "ask the tuned model about a text or a file of texts",
    "new": "start a project of your own in a new folder",
    "summary": "print the key figures of the last run",
    "docs": "write docs/params.md from the params models",
    "key": "make the key for ids and surrogates of data that is not public",
}
