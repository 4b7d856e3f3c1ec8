using Microsoft.ML.Data;
using Microsoft.ML.Moka.Cli.Data;

namespace Microsoft.ML.Moka.Cli;

/// <summary>The scores of texts by a saved model or chain, whatever columns its rows had when it was trained.</summary>
internal static class Predictions
{
    private const string Score = "Score";

    /// <exception cref="InvalidDataException">The model has no scores, or reads more than a text.</exception>
    public static IReadOnlyList<float[]> Of(LoadedModel loaded, IReadOnlyList<string> texts, ProgressDisplay display, CancellationToken cancellation)
    {
        var mapper = loaded.Transformer.GetRowToRowMapper(loaded.InputSchema);
        if (mapper.OutputSchema.GetColumnOrNull(Score) is not { } score)
            throw new InvalidDataException($"The model adds no column '{Score}': use it from a program, which knows its columns.");
        var read = mapper.GetDependencies([score]).ToList();
        if (read is not [{ Type: TextDataViewType } text])
            throw new InvalidDataException(
                $"The model reads the columns {string.Join(", ", read.Select(column => $"'{column.Name}'"))}, and moka predict gives it one text: " +
                "use it from a program, with rows that have these columns.");
        var scores = new List<float[]>();
        foreach (var row in loaded.Transformer.Transform(new TextView(loaded.InputSchema, text, texts)).GetColumn<float[]>(Score))
        {
            cancellation.ThrowIfCancellationRequested();
            scores.Add(row);
            display.Show((double)scores.Count / texts.Count, FormattableString.Invariant($"{scores.Count:N0} of {texts.Count:N0}"));
        }
        return scores;
    }
}
