using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka;

/// <summary>One use of a model that others may replace meanwhile: until it is disposed, the model stays in memory.</summary>
/// <typeparam name="TModel">What was made of the file.</typeparam>
public sealed class MokaModelUse<TModel> : IDisposable
    where TModel : class
{
    private readonly UseCount _uses;
    private int _isOver;

    internal MokaModelUse(TModel model, string version, DateTimeOffset loadedAt, UseCount uses) =>
        (Model, Version, LoadedAt, _uses) = (model, version, loadedAt, uses);

    /// <summary>The model.</summary>
    public TModel Model { get; }

    /// <summary>Tells files apart by what is in them: eight hexadecimal digits.</summary>
    public string Version { get; }

    /// <summary>When the model was taken into service.</summary>
    public DateTimeOffset LoadedAt { get; }

    /// <summary>Ends the use.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isOver, 1) == 0)
            _uses.Leave();
    }
}
