using System.Collections.Concurrent;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Models;

namespace Microsoft.ML.Moka.Extensions;

/// <summary>A loaded model with its engines.</summary>
internal sealed class PooledModel<TRow, TPrediction> : IDisposable
    where TRow : class
    where TPrediction : class, new()
{
    private readonly MLContext _context;
    private readonly ConcurrentBag<PredictionEngine<TRow, TPrediction>> _engines = [];
    private readonly ITransformer _loaded;
    private readonly ITransformer _predicting;
    private readonly SemaphoreSlim _free;

    /// <exception cref="Exception">The file is no model, or one that does not take such rows; the message says which.</exception>
    public PooledModel(MLContext context, Stream file, int maximumEngines)
    {
        _context = context;
        _free = new SemaphoreSlim(maximumEngines);
        _loaded = _context.Model.Load(file, out _);
        try
        {
            var schema = _context.Data.LoadFromEnumerable(Array.Empty<TRow>()).Schema;
            _predicting = new TransformerChain<ITransformer>([.. UnlabelledSteps.For(schema, UnlabelledSteps.In(_loaded))]);
            // Rows that the model cannot take are noticed here, and not by whoever asks first.
            _engines.Add(NewEngine());
        }
        catch
        {
            (_loaded as IDisposable)?.Dispose();
            throw;
        }
    }

    public TPrediction Predict(TRow row)
    {
        _free.Wait();
        try
        {
            if (!_engines.TryTake(out var engine))
                engine = NewEngine();
            // One that has failed may be in the midst of a row.
            TPrediction prediction;
            try
            {
                prediction = engine.Predict(row);
            }
            catch
            {
                engine.Dispose();
                throw;
            }
            _engines.Add(engine);
            return prediction;
        }
        finally
        {
            _free.Release();
        }
    }

    public LabelPrediction PredictLabels(TRow row)
    {
        _free.Wait();
        try
        {
            return _context.Model.PredictLabels(_loaded, row);
        }
        finally
        {
            _free.Release();
        }
    }

    public void Dispose()
    {
        foreach (var engine in _engines)
            engine.Dispose();
        (_loaded as IDisposable)?.Dispose();
        _free.Dispose();
    }

    private PredictionEngine<TRow, TPrediction> NewEngine() =>
        _context.Model.CreatePredictionEngine<TRow, TPrediction>(_predicting, new PredictionEngineOptions { OwnsTransformer = false });
}
