"""People, roles and tokens: who may ask, who may decide."""
