namespace Microsoft.ML;

/// <summary>The checks of arguments and state, with the exception types that ML.NET throws.</summary>
internal static class Checks
{
    private const string MarkKey = "ML_IsMarked";

    /// <summary>Marks an exception as one that ML.NET or a component of it threw on purpose.</summary>
    public static TException Mark<TException>(TException exception)
        where TException : Exception
    {
        exception.Data[MarkKey] = true;
        return exception;
    }

    public static bool IsMarked(Exception exception) => exception.Data.Contains(MarkKey);

    public static void Param(bool holds, string paramName, string message = null)
    {
        if (!holds)
            throw Mark(message is null ? new ArgumentOutOfRangeException(paramName) : new ArgumentOutOfRangeException(paramName, message));
    }

    public static void NonEmpty(string value, string paramName) =>
        Param(!string.IsNullOrEmpty(value), paramName, $"{paramName} cannot be null or empty");

    public static void NonWhiteSpace(string value, string paramName) =>
        Param(!string.IsNullOrWhiteSpace(value), paramName, $"{paramName} cannot be null or white space");

    /// <summary>ML.NET's data model counts an empty name as a missing one.</summary>
    public static void Name(string value, string paramName)
    {
        if (string.IsNullOrEmpty(value))
            throw new ArgumentNullException(paramName);
    }

    public static void That(bool holds, string message)
    {
        if (!holds)
            throw Mark(new InvalidOperationException(message));
    }

    public static void Decode(bool holds, string message)
    {
        if (!holds)
            throw Mark(new FormatException(message));
    }
}
