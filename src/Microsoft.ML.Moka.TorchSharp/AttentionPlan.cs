using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Torch;

/// <summary>
/// How the spans of a layout are computed together: in groups of about the same size, padded to one [spans, queries, keys]. A span's keys stand in the order
/// context, then its own, so that each query sees the first so many of them.
/// </summary>
internal sealed class AttentionPlan
{
    private readonly long _mostScores;

    /// <param name="layout">Who attends to whom.</param>
    /// <param name="mostScores">The most scores of one head that are computed at a time.</param>
    public AttentionPlan(AttentionLayout layout, long mostScores)
    {
        _mostScores = mostScores;
        Groups = [.. Grouped(layout.Spans.Where(span => span.Length > 0).SelectMany(Parts).OrderBy(part => part.Queries).ThenBy(part => part.Keys.Length))];
    }

    public IReadOnlyList<AttentionGroup> Groups { get; }

    /// <summary>A span whose scores are too many is computed a stretch of queries at a time.</summary>
    private IEnumerable<Part> Parts(AttentionSpan span)
    {
        int[] context = [.. span.Context.SelectMany(range => Enumerable.Range(range.Start, range.Length))];
        var most = (int)Math.Clamp(_mostScores / (context.Length + span.Length), 1, span.Length);
        for (var start = 0; start < span.Length; start += most)
        {
            var queries = Math.Min(most, span.Length - start);
            int[] keys = [.. context, .. Enumerable.Range(span.Key, start + queries)];
            yield return new Part(span.Query + start, queries, context.Length + start, keys, span.Window);
        }
    }

    /// <summary>Parts of like size, as long as padding stays under a quarter and the scores under the limit.</summary>
    private IEnumerable<AttentionGroup> Grouped(IEnumerable<Part> parts)
    {
        List<Part> group = [];
        var used = 0L;
        foreach (var part in parts)
        {
            var padded = (group.Count + 1L) * Math.Max(group.Select(p => p.Queries).DefaultIfEmpty().Max(), part.Queries)
                * Math.Max(group.Select(p => p.Keys.Length).DefaultIfEmpty().Max(), part.Keys.Length);
            var scores = (long)part.Queries * part.Keys.Length;
            if (group.Count > 0 && (padded > _mostScores || padded > (used + scores) * 4 / 3))
            {
                yield return new AttentionGroup(group);
                (group, used) = ([], 0);
            }
            group.Add(part);
            used += scores;
        }
        if (group.Count > 0)
            yield return new AttentionGroup(group);
    }

    /// <param name="Query">Its first row of q.</param>
    /// <param name="Queries">How many there are.</param>
    /// <param name="SeenByAll">Keys before the first query's own.</param>
    /// <param name="Keys">The rows of k and v.</param>
    /// <param name="Window">How many of those up to its own a query sees at most.</param>
    internal sealed record Part(int Query, int Queries, int SeenByAll, int[] Keys, int Window);
}

/// <summary>Spans that are computed together, as indices; what is padded names row 0 and is left out again.</summary>
internal sealed class AttentionGroup
{
    internal AttentionGroup(List<AttentionPlan.Part> parts)
    {
        Count = parts.Count;
        Queries = parts.Max(part => part.Queries);
        Keys = parts.Max(part => part.Keys.Length);
        QueryRows = new int[Count * Queries];
        KeyRows = new int[Count * Keys];
        Seen = new int[Count * Queries];
        Before = new int[Count * Queries];
        List<int> queryPlaces = [], keyPlaces = [];
        for (var i = 0; i < Count; i++)
        {
            var part = parts[i];
            for (var query = 0; query < part.Queries; query++)
            {
                var place = i * Queries + query;
                QueryRows[place] = part.Query + query;
                Seen[place] = part.SeenByAll + query + 1;
                Before[place] = Math.Max(0, Seen[place] - part.Window);
                queryPlaces.Add(place);
            }
            part.Keys.CopyTo(KeyRows, i * Keys);
            keyPlaces.AddRange(Enumerable.Range(i * Keys, part.Keys.Length));
        }
        (QueryPlaces, KeyPlaces) = ([.. queryPlaces], [.. keyPlaces]);
    }

    /// <summary>How many spans, and how many queries and keys each is padded to.</summary>
    public int Count { get; }

    public int Queries { get; }

    public int Keys { get; }

    /// <summary>Rows of q, [spans, queries].</summary>
    public int[] QueryRows { get; }

    /// <summary>Rows of k and v, [spans, keys].</summary>
    public int[] KeyRows { get; }

    /// <summary>How many keys a query sees, [spans, queries]; a padded one none, so that it adds nothing to a key's gradient.</summary>
    public int[] Seen { get; }

    /// <summary>How many of the keys that it would see lie before its window, [spans, queries].</summary>
    public int[] Before { get; }

    /// <summary>The places of queries that are none of the padding.</summary>
    public int[] QueryPlaces { get; }

    public int[] KeyPlaces { get; }
}
