// Give the user who is logged in another password; runs on the system database.
// Columns: none.
// Plan: an administration command, no graph is touched. A copied store gets a password of its own by it.
:param old => "the one that the original has too"
:param new => "another one of 256 random bits"
ALTER CURRENT USER SET PASSWORD FROM $old TO $new;
