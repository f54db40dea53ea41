"""What an editor asks about policy files: the language server `governance policy language-server`.

Law of the room: an editor is told what `governance policy check` says and what the words of the
reports are; nothing is decided here, and nothing is written but what the editor asks for. Only
`server` and `speech` know the protocol; everything else works on texts and places (lines and columns
in characters, from 0).
"""
