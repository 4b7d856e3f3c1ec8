namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>A question taken apart: what LLM-Adapters' instruction and lm-evaluation-harness' prompt are both made of.</summary>
/// <param name="Question">The bare question; of SIQA with its context before it, of HellaSwag with its title, of WinoGrande with the blank "_".</param>
/// <param name="Passage">What BoolQ asks about; null where the data has none.</param>
/// <param name="Choices">The choices' texts; of BoolQ "true" and "false".</param>
/// <param name="Label">The place of the right choice, counted from 0.</param>
internal sealed record ChoiceQuestion(string Question, string? Passage, IReadOnlyList<string> Choices, int Label)
{
    /// <summary>As the task's harness defines it.</summary>
    public ChoiceRow ToHarnessRow(BenchmarkTask task)
    {
        string[] choices = [.. task.Harness.Choices(this)];
        return new ChoiceRow { Task = task.Name, Text = task.Harness.Prompt(this), Candidates = choices, Label = choices[Label], LabelIndex = Label };
    }
}
