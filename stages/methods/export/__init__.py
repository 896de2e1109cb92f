"""Handing over: what people who train or serve elsewhere need, in the forms that their tools read."""
