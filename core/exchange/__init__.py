"""The clinic as a folder of spreadsheets: read with every fault explained, taken in by external ids, written out again."""
