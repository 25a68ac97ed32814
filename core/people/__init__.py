"""Who there is: the organisation and its places, practitioners, staff, patients, and the addresses they write from."""
