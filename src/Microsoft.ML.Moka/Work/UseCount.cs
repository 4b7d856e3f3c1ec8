namespace Microsoft.ML.Moka.Work;

/// <summary>
/// Counts who uses something. It ends when its owner has let it go and the last use is over: threads may use it at the same time, and another may let it go
/// meanwhile.
/// </summary>
/// <param name="end">Disposes what was used, once.</param>
internal sealed class UseCount(Action end)
{
    private int _users = 1;
    private int _isLetGo;

    /// <summary>Keeps it until <see cref="Leave"/>; false where the owner has let it go.</summary>
    public bool TryEnter()
    {
        int users;
        do
        {
            users = Volatile.Read(ref _users);
            if (users == 0 || Volatile.Read(ref _isLetGo) != 0)
                return false;
        }
        while (Interlocked.CompareExchange(ref _users, users + 1, users) != users);
        return true;
    }

    /// <summary>Ends a use.</summary>
    public void Leave()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            end();
    }

    /// <summary>The owner's part; a second time is none.</summary>
    public void LetGo()
    {
        if (Interlocked.Exchange(ref _isLetGo, 1) == 0)
            Leave();
    }
}
