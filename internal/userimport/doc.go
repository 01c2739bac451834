// Package userimport reads people from CSV and JSON lines and puts them into
// Pawl's user table.
//
// It reads as a stream, so that the size of a file costs no memory beyond some
// 30 bytes a person, by which repeated logins are found. A line is taken
// only if all of it is right; one that is not is reported with its number and
// costs none of the others. What is there already is left alone or, on
// request, made as the file has it, so that a file can be imported again.
package userimport
