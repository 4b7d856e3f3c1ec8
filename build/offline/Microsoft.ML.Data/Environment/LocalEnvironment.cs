using System.Diagnostics;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Data;

/// <summary>The environment behind an <see cref="MLContext"/>: its hosts share its component catalog and its log.</summary>
internal class LocalEnvironment : IHostEnvironmentInternal, ICancelable
{
    private readonly LocalEnvironment _root;
    private readonly LocalEnvironment _parent;
    private readonly string _shortName;
    private readonly string _parentName;
    private readonly Lock _cancelLock = new();
    private readonly List<WeakReference<LocalEnvironment>> _children = [];
    private readonly Dictionary<string, object> _options = [];

    public LocalEnvironment(int? seed)
    {
        _root = this;
        Seed = seed;
        Rand = seed is { } value ? new Random(value) : new Random();
        ComponentCatalog = new ComponentCatalog();
        TempFilePath = Path.GetTempPath();
    }

    private protected LocalEnvironment(LocalEnvironment parent, string shortName, Random rand)
    {
        _root = parent._root;
        _parent = parent;
        _shortName = shortName;
        _parentName = parent._parent?.FullName;
        Rand = rand;
        Seed = parent.Seed;
        ComponentCatalog = parent.ComponentCatalog;
        TempFilePath = parent.TempFilePath;
        GpuDeviceId = parent.GpuDeviceId;
        FallbackToCpu = parent.FallbackToCpu;
        IsCanceled = parent.IsCanceled;
    }

    public event Action<string, ChannelMessage> Message;

    public ComponentCatalog ComponentCatalog { get; }

    public Random Rand { get; }

    public int? Seed { get; }

    public string TempFilePath { get; set; }

    public bool FallbackToCpu { get; set; }

    public int? GpuDeviceId { get; set; }

    public bool IsCanceled { get; private set; }

    public string ContextDescription => _parent is null ? "HostEnvironment" : FullName;

    private string FullName => _parentName is null ? _shortName : $"{_parentName}; {_shortName}";

    public TException Process<TException>(TException ex)
        where TException : Exception
    {
        if (ex is not null)
            Checks.Mark(ex).Data["Throwing component"] = _shortName ?? "Environment";
        return ex;
    }

    public IHost Register(string name, int? seed = null, bool? verbose = null)
    {
        Checks.NonEmpty(name, nameof(name));
        lock (_cancelLock)
        {
            var host = new Host(this, name, new Random(seed ?? Rand.Next()));
            _children.RemoveAll(c => !c.TryGetTarget(out _));
            _children.Add(new WeakReference<LocalEnvironment>(host));
            return host;
        }
    }

    /// <summary>There is no way back: what has been cancelled stays so, and what it registers later is cancelled too.</summary>
    public void CancelExecution()
    {
        lock (_cancelLock)
        {
            IsCanceled = true;
            foreach (var reference in _children)
            {
                if (reference.TryGetTarget(out var child))
                    child.CancelExecution();
            }
            _children.Clear();
        }
    }

    public void CheckAlive()
    {
        if (IsCanceled)
            throw Process(new OperationCanceledException("Operation was canceled."));
    }

    public IChannel Start(string name) => new Channel(this, name);

    public IPipe<TMessage> StartPipe<TMessage>(string name) => new Pipe<TMessage>(this, name);

    public IProgressChannel StartProgressChannel(string name)
    {
        Checks.NonEmpty(name, nameof(name));
        return new ProgressChannel();
    }

    public bool TryAddOption<T>(string name, T value) => _options.TryAdd(CheckOption(name), value);

    public void SetOption<T>(string name, T value) => _options[CheckOption(name)] = value;

    public bool TryGetOption<T>(string name, out T value)
    {
        var found = _options.TryGetValue(CheckOption(name), out var option) && option is T;
        value = found ? (T)option : default;
        return found;
    }

    public T GetOptionOrDefault<T>(string name)
    {
        if (!_options.TryGetValue(CheckOption(name), out var option))
            _options[name] = option = default(T);
        return (T)option;
    }

    public bool RemoveOption(string name) => _options.Remove(CheckOption(name));

    private static string CheckOption(string name) => string.IsNullOrWhiteSpace(name) ? throw new ArgumentNullException(nameof(name)) : name;

    private sealed class Host(LocalEnvironment parent, string name, Random rand) : LocalEnvironment(parent, name, rand), IHost;

    private class Pipe<TMessage>(LocalEnvironment parent, string name) : IPipe<TMessage>
    {
        public string ContextDescription { get; } = parent.FullName is null ? name : $"{parent.FullName}; {name}";

        public TException Process<TException>(TException ex)
            where TException : Exception
        {
            if (ex is not null)
                ex.Data["Phase"] = name;
            return parent.Process(ex);
        }

        public void Send(TMessage msg)
        {
            if (msg is ChannelMessage message)
                parent._root.Message?.Invoke(ContextDescription, message);
        }

        public virtual void Dispose()
        {
        }
    }

    private sealed class Channel : Pipe<ChannelMessage>, IChannel
    {
        private readonly long _started = Stopwatch.GetTimestamp();
        private bool _disposed;

        public Channel(LocalEnvironment parent, string name) : base(parent, name) => Trace(MessageSensitivity.None, "Channel started");

        public override void Dispose()
        {
            if (_disposed)
                return;
            _disposed = true;
            Trace(MessageSensitivity.None, "Channel finished. Elapsed {0:c}.", Stopwatch.GetElapsedTime(_started));
            Trace(MessageSensitivity.None, "Channel disposed");
        }

        public void Trace(MessageSensitivity sensitivity, string fmt) => Send(new(ChannelMessageKind.Trace, sensitivity, fmt));

        public void Trace(MessageSensitivity sensitivity, string fmt, params object[] args) => Send(new(ChannelMessageKind.Trace, sensitivity, fmt, args));

        public void Error(MessageSensitivity sensitivity, string fmt) => Send(new(ChannelMessageKind.Error, sensitivity, fmt));

        public void Error(MessageSensitivity sensitivity, string fmt, params object[] args) => Send(new(ChannelMessageKind.Error, sensitivity, fmt, args));

        public void Warning(MessageSensitivity sensitivity, string fmt) => Send(new(ChannelMessageKind.Warning, sensitivity, fmt));

        public void Warning(MessageSensitivity sensitivity, string fmt, params object[] args) => Send(new(ChannelMessageKind.Warning, sensitivity, fmt, args));

        public void Info(MessageSensitivity sensitivity, string fmt) => Send(new(ChannelMessageKind.Info, sensitivity, fmt));

        public void Info(MessageSensitivity sensitivity, string fmt, params object[] args) => Send(new(ChannelMessageKind.Info, sensitivity, fmt, args));
    }

    /// <summary>Nobody listens to progress in ML.NET either: what matters is that values fit the header and nothing comes after the end.</summary>
    private sealed class ProgressChannel : IProgressChannel
    {
        private ProgressHeader _header = new();
        private bool _disposed;

        public IProgressChannel StartProgressChannel(string name) => new ProgressChannel();

        public void SetHeader(ProgressHeader header, Action<IProgressEntry> fillAction) => _header = header;

        public void Checkpoint(params double?[] values)
        {
            Checks.That(!_disposed, "Can't report checkpoints after disposing");
            Checks.That((values?.Length ?? 0) <= _header.MetricNames.Count + 2 * _header.UnitNames.Count, "Too many values provided in Checkpoint");
        }

        public void Dispose() => _disposed = true;
    }
}
