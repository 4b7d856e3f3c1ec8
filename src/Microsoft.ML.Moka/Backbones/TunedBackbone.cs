using Microsoft.ML.Moka.Adapters;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// The weights of a model: a share in a frozen backbone, and the adapters that it was tuned with. Threads may use them at the same time, and another may
/// dispose meanwhile: what is owned goes when the last use has ended.
/// </summary>
/// <param name="shared">The share, owned.</param>
/// <param name="adapters">The adapters, owned.</param>
/// <param name="owner">The type that errors name.</param>
internal sealed class TunedBackbone(SharedBackbone shared, AdapterSet adapters, Type owner) : IDisposable
{
    private int _users = 1;
    private int _disposed;

    public SharedBackbone Shared { get; } = shared;

    public LlamaBackbone Backbone => Shared.Backbone;

    public AdapterSet Adapters { get; } = adapters;

    /// <summary>Keeps the weights in memory until the result is disposed.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public Usage Use()
    {
        int users;
        do
        {
            users = Volatile.Read(ref _users);
            if (users == 0 || Volatile.Read(ref _disposed) != 0)
                throw new ObjectDisposedException(
                    owner.Name,
                    "The model has been disposed. A prediction engine disposes its model with itself; where others use the model too, create the engine " +
                    "with PredictionEngineOptions { OwnsTransformer = false }.");
        }
        while (Interlocked.CompareExchange(ref _users, users + 1, users) != users);
        return new Usage(this);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Leave();
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _users) > 0)
            return;
        Adapters.Dispose();
        Shared.Dispose();
    }

    /// <summary>One use of the weights.</summary>
    public readonly struct Usage(TunedBackbone weights) : IDisposable
    {
        public void Dispose() => weights.Leave();
    }
}
