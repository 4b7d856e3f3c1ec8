using System.Globalization;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Text.Tokenizers;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>What is odd about the labels of a training set: nothing that stops a training, but what mostly was not meant.</summary>
internal sealed class LabelRemarks(IReadOnlyList<string> words, RowEncoder encoder)
{
    private const int Shown = 3;
    private const int LongestShown = 40;

    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);
    private PromptRow? _first;

    public void Count(PromptRow prompt, string label)
    {
        _first ??= prompt;
        _counts[label] = _counts.GetValueOrDefault(label) + 1;
    }

    /// <summary>What an accuracy has to be compared with.</summary>
    public string MostFrequent()
    {
        var most = _counts.MaxBy(count => count.Value);
        return FormattableString.Invariant(
            $"The most frequent of {_counts.Count} labels is '{Short(most.Key)}', of {100.0 * most.Value / _counts.Values.Sum():0.0} % of the rows.");
    }

    /// <param name="areWords">Whether labels are told apart by the tokens of their words.</param>
    public IEnumerable<string> Warnings(bool areWords = true)
    {
        List<string> once = [.. _counts.Where(count => count.Value == 1).Select(count => count.Key)];
        if (once.Count > 0)
            yield return $"{once.Count} of {_counts.Count} labels occur in one row of the training set only: {Listed(once)}. "
                + "Often the separator stands in a text without quotes, or the column is no label.";
        if (_counts.Count == 1)
            yield return $"All rows of the training set have the label '{Short(_counts.Keys.Single())}': there is nothing that it could be told from.";
        var alike = words.GroupBy(Plain, StringComparer.Ordinal).Where(group => group.Count() > 1).ToList();
        if (alike.Count > 0)
            yield return $"Labels that differ only in capitals, blanks or how accents are written are classes of their own: {Groups(alike)}. "
                + "Make them one where they mean the same.";
        var same = areWords ? SameTokens() : [];
        if (same.Count > 0)
            yield return $"Labels that are the same tokens to this backbone cannot be told apart: {Groups(same)}. Give one of them another word.";
    }

    private List<IGrouping<string, string>> SameTokens()
    {
        try
        {
            var answers = encoder.ForScoring(_first! with { Candidates = words }, words).Answers;
            return [.. words.Zip(answers).GroupBy(pair => string.Join(',', pair.Second), pair => pair.First, StringComparer.Ordinal)
                .Where(group => group.Count() > 1)];
        }
        // A label that no row has may be too long, which is nobody's concern.
        catch (ArgumentException)
        {
            return [];
        }
    }

    // Accents in one or in two characters look the same, and so does a text with characters of no width (a byte order mark).
    private static string Plain(string label) => CanonicalForm.Compose(
        string.Join(' ', Visible(label).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).ToUpperInvariant());

    private static string Visible(string label) => string.Concat(label.Where(letter => char.GetUnicodeCategory(letter) != UnicodeCategory.Format));

    private static string Groups(List<IGrouping<string, string>> groups) =>
        string.Join("; ", groups.Take(Shown).Select(group => string.Join(" and ", group.Select(label => $"'{Short(label)}'"))))
        + (groups.Count > Shown ? $"; and {groups.Count - Shown} more" : "");

    private static string Listed(List<string> labels) =>
        string.Join(", ", labels.Take(Shown).Select(label => $"'{Short(label)}'")) + (labels.Count > Shown ? " …" : "");

    private static string Short(string label) => label.Length <= LongestShown ? label : $"{label[..LongestShown]}…";
}
