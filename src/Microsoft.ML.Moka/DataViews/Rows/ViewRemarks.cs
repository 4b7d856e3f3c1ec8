using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>
/// What is told of a view's rows: of each problem once, and again only where a pass finds more such rows. Trainers pass over a view hundreds of times.
/// </summary>
/// <param name="mapping">The model over the view.</param>
/// <param name="isRequest">Whether the rows are those of a request, of which there may be millions: then each problem is told once for the model.</param>
internal sealed class ViewRemarks(RowMapping mapping, bool isRequest)
{
    private readonly Dictionary<string, long> _told = new(StringComparer.Ordinal);

    /// <param name="warnings">What a pass has noticed.</param>
    public void Tell(IEnumerable<RowWarning> warnings)
    {
        if (isRequest)
        {
            mapping.Added.WarnOnce(mapping.Host, warnings);
            return;
        }
        var news = warnings.Where(IsNews).ToList();
        if (news.Count == 0)
            return;
        using var channel = mapping.Host.Start(mapping.Added.Work);
        foreach (var warning in news)
            channel.Warning(MessageSensitivity.None, $"{warning.Problem}: {warning.Rows}.");
    }

    private bool IsNews(RowWarning warning)
    {
        lock (_told)
        {
            if (warning.Rows <= _told.GetValueOrDefault(warning.Problem))
                return false;
            _told[warning.Problem] = warning.Rows;
            return true;
        }
    }
}
