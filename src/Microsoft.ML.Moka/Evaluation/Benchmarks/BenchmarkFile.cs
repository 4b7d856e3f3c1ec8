namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>Reads files of questions, in LLM-Adapters' form or in their authors', as rows of the form that is asked for.</summary>
internal static class BenchmarkFile
{
    /// <summary>The rows in LLM-Adapters' form.</summary>
    /// <param name="path">The file.</param>
    /// <param name="task">Its task; null for a file of several tasks or of another task, which then must be in LLM-Adapters' form.</param>
    public static IEnumerable<BenchmarkRow> ReadInstructions(string path, BenchmarkTask? task)
    {
        foreach (var row in JsonRows.Read(path))
        {
            if (row.Has("instruction"))
                yield return LlmAdaptersForm.Read(row, task);
            else
                yield return LlmAdaptersForm.Render(TaskForms.Read(row, task ?? throw row.Error("'instruction' is missing, and it is not known which task's form this is")));
        }
    }

    /// <summary>The rows with the choices' own texts.</summary>
    public static IEnumerable<ChoiceRow> ReadChoices(string path, BenchmarkTask task)
    {
        foreach (var row in JsonRows.Read(path))
        {
            var question = row.Has("instruction")
                ? LlmAdaptersForm.Parse(task, LlmAdaptersForm.Read(row, task)) ?? throw row.Error($"the instruction is not of the form that {task.Name} has, so that its choices cannot be found")
                : TaskForms.Read(row, task);
            yield return question.ToHarnessRow();
        }
    }

    /// <summary>Instructions in Alpaca's form.</summary>
    public static IEnumerable<InstructionRow> ReadAlpaca(string path)
    {
        foreach (var row in JsonRows.Read(path))
            yield return new InstructionRow { Instruction = row.Text("instruction"), Input = row.OptionalText("input") ?? "", Output = row.Text("output") };
    }
}
