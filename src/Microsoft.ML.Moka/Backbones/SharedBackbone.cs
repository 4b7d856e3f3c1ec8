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
    private LlamaBackbone? _backbone;
    private MokaPrecision? _precision;
    private int _disposed;

    private SharedBackbone(Entry entry, MokaPrecision? precision) => (_entry, _precision) = (entry, precision);

    public string Fingerprint => _entry.Key.Fingerprint;

    public BackboneQuantization Quantization => _entry.Key.Quantization;

    /// <summary>The name of the device whose memory it is in.</summary>
    public string Device => _entry.Key.Device;

    /// <summary>Whether both are shares in one backbone in memory.</summary>
    public bool IsSameAs(SharedBackbone other) => ReferenceEquals(_entry, other._entry);

    /// <summary>The backbone, on a view of its backend that computes in this share's precision.</summary>
    public LlamaBackbone Backbone => _backbone!;

    /// <summary>The precision that is asked for; null for the device's usual one.</summary>
    public MokaPrecision? Precision
    {
        get => _precision;
        set
        {
            _precision = value;
            Backbone.Backend.Precision = value ?? Backbone.Backend.UsualPrecision;
        }
    }

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
        BackboneFiles files, BackboneQuantization quantization, Device device, MokaPrecision? precision, IProgress<double>? progress = null,
        CancellationToken cancellation = default)
    {
        for (var tries = 1; ; tries++)
        {
            var fingerprint = FingerprintOf(files);
            try
            {
                return OpenOnce(files, new BackboneKey(fingerprint, quantization, device.Name), device, precision, progress, cancellation);
            }
            // Files were replaced after the fingerprint was taken: what was loaded is something else, or a part of each.
            catch (Exception e) when (e is IOException or InvalidDataException && tries < MostTries && FingerprintOf(files) != fingerprint)
            {
            }
        }
    }

    private static SharedBackbone OpenOnce(
        BackboneFiles files, BackboneKey key, Device device, MokaPrecision? precision, IProgress<double>? progress,
        CancellationToken cancellation)
    {
        Entry? entry;
        lock (Loaded)
        {
            if (!Loaded.TryGetValue(key, out var loaded) || !loaded.TryGetTarget(out entry))
                Loaded[key] = new WeakReference<Entry>(entry = new Entry(key));
            entry.Shares++;
        }
        var share = new SharedBackbone(entry, precision);
        try
        {
            // Whoever comes second waits here until the first has loaded, or loads if the first failed.
            lock (entry)
                entry.Backbone ??= Load(files, key, device, progress, cancellation);
            share.TakeView();
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
        var share = new SharedBackbone(_entry, _precision);
        share.TakeView();
        return share;
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

    private void TakeView()
    {
        var whole = _entry.Backbone!;
        _backbone = whole.On(whole.Backend.CreateView());
        Precision = _precision;
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
