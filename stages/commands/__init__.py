"""Questions people ask after a run, and tools around one. A new command is one file here and one row in the table.

Each file has `add_arguments(parser)` and `run(args) -> int`, which gives the exit code.
"""

COMMANDS = {
    "trace": "tell the story of a record, a source row, a subject or a value through all stages",
    "forget": "erase a subject or a record: what is held, then a new run without it, and a proof",
    "verify": "check every byte, count and link of the evidence, without trusting DVC's own state",
    "budget": "tell what private training has cost the people in the data, and what is left",
    "diff": "compare two versions: rows, reasons, params, code, and metrics on the rows they share",
    "attest": "sign what a model was made from and what it scored",
    "lineage": "tell a lineage backend what ran, as OpenLineage events",
    "show": "show a few records of a stage, and its counts",
    "review": "let people judge what was found: export a sample, import their decisions",
    "compare": "train with and without something, and say what it brings: what is done about labels in doubt",
    "tune": "search for better settings of the training: DVC experiments, judged on the validation split",
    "crossvalidate": "train and score a model a fold: how well the settings do on average",
    "predict": "ask the tuned model about a text, a question or a file of rows",
    "export": "hand over the scrubbed rows or the model to people who work with other tools",
    "new": "start a project of your own in a new folder",
    "use": "make this project one of another kind by a preset, and say what that changes",
    "summary": "print the key figures of the last run",
    "docs": "write docs/params.md from the params models",
    "key": "make the key for ids and surrogates of data that is not public",
}
