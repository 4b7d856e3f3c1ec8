namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>Finds the answer in what a model wrote, by the rules of LLM-Adapters' <c>commonsense_evaluate.py</c>.</summary>
internal static class AnswerExtraction
{
    private const string ResponseMark = "### Response:";

    /// <summary>
    /// What counts of a model's output. LLM-Adapters splits prompt and output together at "### Response:" and keeps the second part: where the model goes on
    /// with another such mark, what follows that one does not count.
    /// </summary>
    public static string Response(string output)
    {
        var end = output.IndexOf(ResponseMark, StringComparison.Ordinal);
        return (end < 0 ? output : output[..end]).Trim();
    }

    /// <summary>
    /// The word that stands first in the response, capitals counting, also inside a longer word; null where there is none. Of two that begin at the same place
    /// the longer one is meant.
    /// </summary>
    public static string? First(string response, IReadOnlyList<string> words)
    {
        string? first = null;
        var place = int.MaxValue;
        foreach (var word in words)
        {
            var found = response.IndexOf(word, StringComparison.Ordinal);
            if (found >= 0 && (found < place || (found == place && word.Length > first!.Length)))
                (first, place) = (word, found);
        }
        return first;
    }
}
