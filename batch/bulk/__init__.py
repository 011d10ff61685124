"""Bulk sources: files of rows in S3, checked at import, then read by the workers themselves, row group by row group."""
