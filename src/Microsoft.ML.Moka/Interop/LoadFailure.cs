using System.Reflection;
using System.Runtime.CompilerServices;

namespace Microsoft.ML.Moka.Interop;

/// <summary>
/// ML.NET calls a loader by reflection. What the loader throws comes out inside two exceptions for each chain that it stands in, with messages that say
/// nothing: "Error during class instantiation". Whoever shows a message shows the outermost, and so each of them gets the cause behind its own words, on its
/// way out.
/// </summary>
internal static class LoadFailure
{
    private const string OfMlNet = "Error during class instantiation";

    [ThreadStatic]
    private static Exception? _cause;

    // Listens from the first failure on, for exceptions are the only thing that is told on the way out.
    static LoadFailure() => AppDomain.CurrentDomain.FirstChanceException += (_, thrown) => Explain(thrown.Exception);

    /// <summary>What a loader is about to throw on this thread.</summary>
    public static void Announce(Exception cause) => _cause = cause;

    private static void Explain(Exception thrown)
    {
        if (_cause is not { } cause || ReferenceEquals(thrown, cause))
            return;
        if (!IsAround(thrown, cause))
        {
            // Somebody has caught it, and goes on.
            _cause = null;
            return;
        }
        if (thrown is not (TargetInvocationException or InvalidOperationException { Message: OfMlNet }))
            return;
        try
        {
            ref var message = ref MessageOf(thrown);
            if (message?.Contains(cause.Message, StringComparison.Ordinal) != true)
                message = $"{OfMlNet}: {cause.Message}";
        }
        catch (MissingFieldException)
        {
            // Another runtime: then the messages stay as they are.
            _cause = null;
        }
    }

    private static bool IsAround(Exception thrown, Exception cause)
    {
        for (var inner = thrown.InnerException; inner is not null; inner = inner.InnerException)
        {
            if (ReferenceEquals(inner, cause))
                return true;
        }
        return false;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_message")]
    private static extern ref string? MessageOf(Exception exception);
}
