namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>How LLM-Adapters puts the questions of a task.</summary>
/// <param name="Opening">What every instruction begins with.</param>
/// <param name="Mark">What stands before each choice, with its number; empty where the instruction does not list the choices.</param>
/// <param name="Separator">What stands between two choices.</param>
/// <param name="Ending">What stands between the last choice and the answer format.</param>
internal sealed record InstructionForm(string Opening, string Mark = "", string Separator = " ", string Ending = "\n\n");
