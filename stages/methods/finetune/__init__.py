"""Algorithms of `finetune`: values in, values out, no files."""
