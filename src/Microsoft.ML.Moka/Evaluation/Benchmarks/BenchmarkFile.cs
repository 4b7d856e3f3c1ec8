using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>Reads files of questions, in LLM-Adapters' form or in their authors', as rows of the form that is asked for.</summary>
internal static class BenchmarkFile
{
    private const string Instruction = "instruction";

    /// <summary>The rows in LLM-Adapters' form.</summary>
    /// <param name="path">The file.</param>
    /// <param name="task">Its task; null for a file of several tasks or of another task, which then must be in LLM-Adapters' form.</param>
    public static IEnumerable<BenchmarkRow> ReadInstructions(string path, BenchmarkTask? task)
    {
        foreach (var row in JsonRows.Read(path).Select(row => row.Fields))
        {
            if (row.Has(Instruction))
                yield return LlmAdaptersForm.Read(row, task);
            else if (task is not null)
                yield return LlmAdaptersForm.Render(task, task.Read(row));
            else
                throw row.Error(Instruction, "is missing, and it is not known which task's form this is");
        }
    }

    /// <summary>The rows with the choices' own texts.</summary>
    public static IEnumerable<ChoiceRow> ReadChoices(string path, BenchmarkTask task)
    {
        foreach (var row in JsonRows.Read(path).Select(row => row.Fields))
        {
            var question = row.Has(Instruction)
                ? LlmAdaptersForm.Parse(task, LlmAdaptersForm.Read(row, task))
                    ?? throw row.Error(Instruction, $"is not of the form that {task.Name} has, so that its choices cannot be found")
                : task.Read(row);
            // An instruction's blanks before its answer format are no part of the last choice.
            if (row.Has(Instruction))
                question = question with { Choices = [.. question.Choices.SkipLast(1), question.Choices[^1].TrimEnd()] };
            yield return question.ToHarnessRow(task);
        }
    }

    /// <summary>Instructions in Alpaca's form.</summary>
    public static IEnumerable<InstructionRow> ReadAlpaca(string path)
    {
        foreach (var row in JsonRows.Read(path).Select(row => row.Fields))
            yield return new InstructionRow { Instruction = row.Text(Instruction), Input = row.OptionalText("input") ?? "", Output = row.Text("output") };
    }
}
