using System.Diagnostics.Metrics;

namespace WebApp.Hosting;

/// <summary>What the service measures about itself; requests by route and status are measured by ASP.NET Core.</summary>
public sealed class ServiceMetrics
{
    public const string MeterName = "Moka.WebApp";

    private readonly Meter _meter;
    private readonly Counter<long> _rejected;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _swaps;
    private readonly Histogram<double> _latency;
    private readonly Histogram<double> _scoring;
    private readonly Histogram<long> _rows;
    private readonly Histogram<long> _tokens;

    public ServiceMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _latency = _meter.CreateHistogram<double>("moka.answer.duration", "s", "From acceptance to answer; its count is the number of answers.");
        _rejected = _meter.CreateCounter<long>("moka.requests.rejected", "{request}", "Requests that were refused, by reason.");
        _dropped = _meter.CreateCounter<long>("moka.requests.dropped", "{request}", "Questions that nobody waited for any more.");
        _scoring = _meter.CreateHistogram<double>("moka.batch.duration", "s", "Time to score a batch.");
        _rows = _meter.CreateHistogram<long>("moka.batch.rows", "{question}", "Questions in a batch.");
        _tokens = _meter.CreateHistogram<long>("moka.batch.tokens", "{token}", "Tokens in a batch.");
        _swaps = _meter.CreateCounter<long>("moka.model.loads", "{load}", "Model files that were loaded or refused, by outcome.");
    }

    public void ObserveQueue(Func<int> length) => _meter.CreateObservableGauge("moka.queue.length", length, "{question}", "Questions that wait.");

    public void Answered(TimeSpan age) => _latency.Record(age.TotalSeconds);

    public void Rejected(string reason) => _rejected.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void Dropped() => _dropped.Add(1);

    public void Loaded(bool succeeded) => _swaps.Add(1, new KeyValuePair<string, object?>("outcome", succeeded ? "loaded" : "refused"));

    public void Scored(int rows, int tokens, TimeSpan duration)
    {
        _rows.Record(rows);
        _tokens.Record(tokens);
        _scoring.Record(duration.TotalSeconds);
    }
}
