// Index the addresses of instructions, by which a later one supersedes an earlier one.
// Columns: none.
CREATE INDEX instruction_address IF NOT EXISTS
FOR (n:Instruction) ON (n.namespace, n.address);
