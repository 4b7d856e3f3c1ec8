using System.Collections.Concurrent;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Models;

namespace Microsoft.ML.Moka.Extensions;

/// <summary>A loaded model with its engines. It is disposed when its owner has let it go and the last use of it has ended.</summary>
internal sealed class PooledModel<TRow, TPrediction> : IDisposable
    where TRow : class
    where TPrediction : class, new()
{
    private readonly MLContext _context = new();
    private readonly ConcurrentBag<PredictionEngine<TRow, TPrediction>> _engines = [];
    private readonly ITransformer _loaded;
    private readonly ITransformer _predicting;
    private readonly SemaphoreSlim _free;
    private int _users = 1;
    private int _isDisposed;

    /// <exception cref="Exception">The file is no model, or one that does not take such rows; the message says which.</exception>
    public PooledModel(Stream file, int maximumEngines)
    {
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

    /// <summary>Keeps the model until <see cref="Leave"/>; false where it is gone already.</summary>
    public bool TryEnter()
    {
        int users;
        do
        {
            users = Volatile.Read(ref _users);
            if (users == 0)
                return false;
        }
        while (Interlocked.CompareExchange(ref _users, users + 1, users) != users);
        return true;
    }

    public void Leave()
    {
        if (Interlocked.Decrement(ref _users) > 0)
            return;
        foreach (var engine in _engines)
            engine.Dispose();
        (_loaded as IDisposable)?.Dispose();
        _free.Dispose();
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
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            Leave();
    }

    private PredictionEngine<TRow, TPrediction> NewEngine() =>
        _context.Model.CreatePredictionEngine<TRow, TPrediction>(_predicting, new PredictionEngineOptions { OwnsTransformer = false });
}
