"""Policy as code: a YAML document, its checks in CEL, and the verdict they give on the facts about one model version.

The core is pure (no Django, clock or network): the same document and the same facts always give the same verdict.

- ``source``       reads the YAML, refuses what a reader could misread, and remembers on which line everything stood;
- ``document``     the frozen dataclasses, ``parse`` and the digest of a policy document;
- ``expressions``  the lexer: which figures an expression names, and the limits on its size and shape;
- ``cel``          the only module that imports the CEL library;
- ``publication``  ``check``: unknown fields and type errors, with line and path, before a version may be published;
- ``evaluate``     ``evaluate``: the outcome of each check and the verdict ALLOW, HOLD or BLOCK;
- ``duties``       separation of duties: who may not decide, with a floor that no policy can lower;
- ``shipped``      the policies that come with Placet;
- ``schema.json``  the published JSON Schema of the YAML.
"""
