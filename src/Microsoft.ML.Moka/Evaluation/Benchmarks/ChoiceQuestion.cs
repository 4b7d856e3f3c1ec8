namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>A question taken apart: what LLM-Adapters' instruction and lm-evaluation-harness' prompt are both made of.</summary>
/// <param name="Task">One of the eight.</param>
/// <param name="Question">The bare question; of SIQA with its context before it, of HellaSwag with its title, of WinoGrande with the blank "_".</param>
/// <param name="Passage">What BoolQ asks about; null where the data has none.</param>
/// <param name="Choices">The choices' texts; of BoolQ "true" and "false".</param>
/// <param name="Label">The place of the right choice, counted from 0.</param>
internal sealed record ChoiceQuestion(BenchmarkTask Task, string Question, string? Passage, IReadOnlyList<string> Choices, int Label)
{
    /// <summary>As the tasks of lm-evaluation-harness define it (its lm_eval/tasks: doc_to_text and doc_to_choice of boolq, piqa, social_iqa, …).</summary>
    public ChoiceRow ToHarnessRow()
    {
        var choices = Task == BenchmarkTask.BoolQ ? Choices.Select(choice => choice == "true" ? "yes" : "no").ToArray() : [.. Choices];
        return new ChoiceRow { Task = Task.Name, Text = HarnessPrompt(), Candidates = choices, Label = choices[Label], LabelIndex = Label };
    }

    private string HarnessPrompt()
    {
        if (Task == BenchmarkTask.BoolQ)
            return $"{(Passage is null ? "" : $"{Passage}\n")}Question: {Question.TrimEnd('?')}?\nAnswer:";
        if (Task == BenchmarkTask.Siqa)
            return $"Q: {Question}\nA:";
        return Task == BenchmarkTask.HellaSwag || Task == BenchmarkTask.WinoGrande || Task == BenchmarkTask.OpenBookQa
            ? Question
            : $"Question: {Question}\nAnswer:";
    }
}
