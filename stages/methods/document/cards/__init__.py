"""Documents for people, made from lineage: cards in the Hugging Face format, a datasheet, and evidence for the law."""
