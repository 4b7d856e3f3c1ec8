using System.Collections.Concurrent;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// A share in a loaded backbone. However many models of a process use a backbone on a device, it is in memory once: frozen, it is the same for all of them.
/// The memory is freed when the last share is disposed or, where shares are forgotten, when none can be reached any more.
/// </summary>
internal sealed class SharedBackbone : IDisposable
{
    private const int MostTries = 20;

    private static readonly Dictionary<BackboneKey, WeakReference<Entry>> Loaded = [];
    private static readonly ConcurrentDictionary<string, string> KnownFingerprints = new(StringComparer.Ordinal);

    private readonly Entry _entry;
    private int _disposed;

    private SharedBackbone(Entry entry) => _entry = entry;

    public string Fingerprint => _entry.Key.Fingerprint;

    public BackboneQuantization Quantization => _entry.Key.Quantization;

    public LlamaBackbone Backbone => _entry.Backbone!;

    /// <summary>What backbones of this process are in memory now, and how many shares each has.</summary>
    internal static IReadOnlyDictionary<string, int> Shares
    {
        get
        {
            lock (Loaded)
                return Loaded.Values.Select(weak => weak.TryGetTarget(out var entry) ? entry : null).OfType<Entry>()
                    .ToDictionary(e => $"{e.Key.Fingerprint} {e.Key.Quantization} {e.Key.Device}", e => e.Shares);
        }
    }

    /// <summary>Whether the device has the backbone in memory.</summary>
    public static bool IsLoaded(BackboneFiles files, BackboneQuantization quantization, Device device)
    {
        var key = new BackboneKey(FingerprintOf(files), quantization, device.Name);
        lock (Loaded)
            return Loaded.TryGetValue(key, out var weak) && weak.TryGetTarget(out var entry) && entry.Backbone is not null;
    }

    /// <summary>Loads the backbone, or takes a share in it where it is loaded already.</summary>
    public static SharedBackbone Open(
        BackboneFiles files, BackboneQuantization quantization, Device device, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        for (var tries = 1; ; tries++)
        {
            var fingerprint = FingerprintOf(files);
            try
            {
                return OpenOnce(files, new BackboneKey(fingerprint, quantization, device.Name), device, progress, cancellation);
            }
            // Files were replaced after the fingerprint was taken: what was loaded is something else, or a part of each.
            catch (Exception e) when (e is IOException or InvalidDataException && tries < MostTries && FingerprintOf(files) != fingerprint)
            {
            }
        }
    }

    private static SharedBackbone OpenOnce(
        BackboneFiles files, BackboneKey key, Device device, IProgress<double>? progress, CancellationToken cancellation)
    {
        Entry? entry;
        lock (Loaded)
        {
            if (!Loaded.TryGetValue(key, out var loaded) || !loaded.TryGetTarget(out entry))
                Loaded[key] = new WeakReference<Entry>(entry = new Entry(key));
            entry.Shares++;
        }
        var share = new SharedBackbone(entry);
        try
        {
            // Whoever comes second waits here until the first has loaded, or loads if the first failed.
            lock (entry)
                entry.Backbone ??= Load(files, key, device, progress, cancellation);
            return share;
        }
        catch
        {
            share.Dispose();
            throw;
        }
    }

    /// <summary>Another share in the same backbone, for a model that is to live by itself.</summary>
    public SharedBackbone Share()
    {
        lock (Loaded)
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            _entry.Shares++;
        }
        return new SharedBackbone(_entry);
    }

    /// <summary>The fingerprint of a backbone; a folder or a GGUF is read again only when one of its files has changed.</summary>
    public static string FingerprintOf(BackboneFiles files)
    {
        return files.State is { } state
            ? KnownFingerprints.GetOrAdd($"{files.Location}\n{state}", _ => BackboneFingerprint.Compute(files))
            : BackboneFingerprint.Compute(files);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        lock (Loaded)
        {
            if (--_entry.Shares > 0)
                return;
            Loaded.Remove(_entry.Key);
        }
        if (_entry.Backbone is { } backbone)
        {
            backbone.Dispose();
            backbone.Backend.Dispose();
        }
    }

    private static LlamaBackbone Load(
        BackboneFiles files, BackboneKey key, Device device, IProgress<double>? progress, CancellationToken cancellation)
    {
        var backend = device.CreateBackend();
        LlamaBackbone? backbone = null;
        try
        {
            backbone = LlamaBackbone.Load(backend, files, new(key.Quantization), progress, cancellation);
            if (files.State is not null && FingerprintOf(files) != key.Fingerprint)
                throw new IOException($"{files.Location} was replaced again and again while it was read: load it when it is complete.");
            return backbone;
        }
        catch
        {
            backbone?.Dispose();
            backend.Dispose();
            throw;
        }
    }

    private sealed record BackboneKey(string Fingerprint, BackboneQuantization Quantization, string Device);

    private sealed class Entry(BackboneKey key)
    {
        public BackboneKey Key { get; } = key;

        public int Shares { get; set; }

        public LlamaBackbone? Backbone { get; set; }
    }
}
