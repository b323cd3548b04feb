"""Other audit logs for Django, in a project of their own, so that none of them is part of Placet."""
