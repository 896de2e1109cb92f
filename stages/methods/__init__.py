"""Pure algorithms: values in, values out, no files."""
