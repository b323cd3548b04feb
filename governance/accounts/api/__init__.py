"""The API of accounts: a pipeline's own token for one of Placet's."""
