using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// The weights of a model: a share in a frozen backbone, and the adapters that it was tuned with. Threads may use them at the same time, and another may
/// dispose meanwhile: what is owned goes when the last use has ended.
/// </summary>
internal sealed class TunedBackbone : IDisposable
{
    private readonly Type _owner;
    private readonly UseCount _uses;

    /// <param name="shared">The share, owned.</param>
    /// <param name="adapters">The adapters, owned.</param>
    /// <param name="owner">The type that errors name.</param>
    public TunedBackbone(SharedBackbone shared, AdapterSet adapters, Type owner)
    {
        (Shared, Adapters, _owner) = (shared, adapters, owner);
        _uses = new UseCount(() =>
        {
            adapters.Dispose();
            shared.Dispose();
        });
    }

    public SharedBackbone Shared { get; }

    public LlamaBackbone Backbone => Shared.Backbone;

    public AdapterSet Adapters { get; }

    /// <summary>Keeps the weights in memory until the result is disposed.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public Usage Use() => _uses.TryEnter() ? new Usage(_uses) : throw new ObjectDisposedException(
        _owner.Name,
        "The model has been disposed. A prediction engine disposes its model with itself; where others use the model too, create the engine " +
        "with PredictionEngineOptions { OwnsTransformer = false }.");

    public void Dispose() => _uses.LetGo();

    /// <summary>One use of the weights.</summary>
    public readonly struct Usage(UseCount uses) : IDisposable
    {
        public void Dispose() => uses.Leave();
    }
}
