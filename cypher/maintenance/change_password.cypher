// Change the password of the user who is logged in; runs on the system database.
// Columns: none.
// Plan: an administration command, it reads no graph. A copied store gets a password of its own by
// it.
:param old => "the password of the original store"
:param new => "another password"
ALTER CURRENT USER SET PASSWORD FROM $old TO $new;
