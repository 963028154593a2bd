"""What to say: drafts made from a case's facts by templates, or by a language model under guard.

Facts in, `DraftContent` out. Nothing here writes to the store or sends anything; who may approve and
what happens then is `casework.service`, and what leaves is `casework.effects`.
"""
