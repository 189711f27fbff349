#include "commands/commands.h"

int main(int argc, char** argv) { return proofload::run_command_line(argc, argv); }
