using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using WebApp.Hosting;

namespace WebApp.Tests;

/// <summary>Listens to what one running service measures.</summary>
internal sealed class Measurements : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, List<double>> _values = [];

    public Measurements(RunningService service)
    {
        var factory = service.App.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == ServiceMetrics.MeterName && instrument.Meter.Scope == factory)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => Add(instrument, value));
        _listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => Add(instrument, value));
        _listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => Add(instrument, value));
        _listener.Start();
    }

    public IReadOnlyList<double> this[string name]
    {
        get
        {
            _listener.RecordObservableInstruments();
            lock (_values)
                return _values.TryGetValue(name, out var values) ? [.. values] : [];
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Add(Instrument instrument, double value)
    {
        lock (_values)
        {
            if (!_values.TryGetValue(instrument.Name, out var values))
                _values.Add(instrument.Name, values = []);
            values.Add(value);
        }
    }
}
